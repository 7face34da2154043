"""The trail: every act is on it, and nothing of it changes."""
