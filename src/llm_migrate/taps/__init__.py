"""Where programs plug in: under the openai SDK, or as a client of its own."""
