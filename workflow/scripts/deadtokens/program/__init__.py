"""What programs share: settings, messages, progress, atomic outputs, exit codes."""
