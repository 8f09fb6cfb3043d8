-- What proves to anybody, with the receipt, who sent a content: ticket hash, hash of the encapsulated key, signature. NULL for
-- what nobody signed, and for what came before this layout.

ALTER TABLE submission ADD COLUMN attestation BLOB;
