"""The HTTP API on this computer: a thin skin over services. Nothing here is imported before it is started."""
