"""One module per API shape, not per vendor."""
