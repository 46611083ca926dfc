"""Signers: pure functions of credential, request and time."""
