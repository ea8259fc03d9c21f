"""COMMA's encoders in the interfaces of other libraries, each imported only where it is used."""
