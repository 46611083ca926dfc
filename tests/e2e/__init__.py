"""The whole path: the command line and the clients against fake vendors, as a team would use them."""
