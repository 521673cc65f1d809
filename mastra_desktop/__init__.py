"""Mastra Desktop: a private desktop workbench for AI agents."""

__version__ = "0.1.0"
