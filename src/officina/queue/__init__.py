"""The queue: the only writer of jobs, events, keys and file records. Opened by the gateway alone."""
