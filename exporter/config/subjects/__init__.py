"""Options by subject: each module declares some, and reads what only they mean."""
