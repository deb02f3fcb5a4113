//! sockets, DNS, TLS, workers.
