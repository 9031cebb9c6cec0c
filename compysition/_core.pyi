"""The C core of compysition."""
