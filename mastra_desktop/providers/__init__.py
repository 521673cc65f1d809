"""Who answers: the protocol, HTTP, one module per wire format, the built-in model, the registry."""
