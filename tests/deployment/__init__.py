"""docker-compose.yml, as far as it can be tried without a Docker engine: its commands, settings, secrets and ends."""
