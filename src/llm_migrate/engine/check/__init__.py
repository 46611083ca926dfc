"""Look whether calls would succeed: what is configured, what is installed, what answers. Only this prints addresses."""
