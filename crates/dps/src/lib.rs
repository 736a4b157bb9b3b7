//! Dynamic precision scaling policies.
