"""Import paths of tasks that users of Prefect Core type; nothing lives here."""
