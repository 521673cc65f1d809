"""The app's words: frozen dataclasses, errors and events. Plain Python, imports nothing of ours."""
