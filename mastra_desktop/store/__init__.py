"""What is kept on this machine: the database, one module of functions per noun, and the keys."""
