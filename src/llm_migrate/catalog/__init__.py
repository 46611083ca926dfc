"""Facts about providers, and the judge that reads them."""
