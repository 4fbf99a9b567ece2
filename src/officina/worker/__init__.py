"""The worker: claims jobs from a gateway over HTTP and carries them out in its slots."""
