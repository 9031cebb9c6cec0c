"""Event pipelines: actors joined by queues, set up by a Director."""
