"""What a person can ask for. Async; one class per noun; no idea of threads or windows."""
