-- The store's name, which inner proxies seal into the route tokens that lead here (protocol.md 4). Random and kept for ever: a
-- database that is copied has a copy of it, by which the copy is found out when both are in use.
INSERT INTO meta (name, value) VALUES ('store-id', randomblob(8));
