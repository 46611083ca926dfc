"""Find every dependency on a provider in a tree of files. Never runs, imports or changes what it reads."""
