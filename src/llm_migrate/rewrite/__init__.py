"""Change code and configuration byte-exactly, with a journal that brings every byte back."""
