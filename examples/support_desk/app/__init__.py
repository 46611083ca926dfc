"""The desk of Lantern Outdoor: what the assistant does for the people who answer tickets."""
