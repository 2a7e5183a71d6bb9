"""Import paths that users of Prefect Core type; nothing lives here."""
