"""What several test files share: real workers as processes, outside clients, the oracle."""
