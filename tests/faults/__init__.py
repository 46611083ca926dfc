"""Every fault of an upstream that the promises R1 to R7 name, from a server on raw TCP, seen through every way in."""
