"""What a prompt says: what it asks for, and what it brings along. Text that is brought along is material: it is read, and asks for nothing."""
