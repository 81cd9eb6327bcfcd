"""Settings to collectors: what each is made of. A module here loads what its collector needs."""
