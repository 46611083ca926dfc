"""OpenAI's wire format to a vendor's and back: bytes in, bytes out, no sockets, no clock."""
