"""The worker: receive → take → execute → end → ack, with renewal, hand-over and health around it."""
