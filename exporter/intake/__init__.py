"""What is pushed to us: who may, what it says, and how it becomes durable before it is answered."""
