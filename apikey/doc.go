// Package apikey is for the authors of servers that hand out API keys: keys
// with a structure, stored as hashes, shown masked, limited by scopes and
// time, revocable.
//
// An API key is the last resort, for callers that cannot get a short-lived
// token. What hurts is then known: nobody remembers whose it is, where it has
// been copied, or whether it may be revoked. So each key has an owner, a name,
// an end, and a time when it was last used.
//
// Begin with a [Format] and an [Issuer]:
//
//	issuer := &apikey.Issuer{
//		Format: apikey.MustFormat("acme_live"),
//		Store:  apikey.NewMemoryStore(), // or your database
//	}
//	key, record, err := issuer.Issue(ctx, apikey.Request{Owner: "build", Name: "nightly", Scopes: []string{"deploy"}})
//	// key.Reveal() is shown once; record is what is kept.
//
//	record, err := issuer.CheckRequest(r, "deploy")
//	if err != nil {
//		issuer.Refuse(w, err)
//		return
//	}
//
// # The key
//
// A key is a prefix, an underscore, 32 characters of base62 and six more that
// are a checksum:
//
//	acme_live_ nV0bLQ…32 characters…x8 1kTq0Z
//
// The 32 are drawn evenly: 190 bits, and still more than 166 for who knows the
// masked form. The prefix says whose key it is, and for what ("live", "test").
// The checksum, the CRC-32 (IEEE) of all that stands before it, in base62 with
// digits before upper case before lower case, tells a mistyped key, or
// something that only looks like one, from a key without asking a database
// ([Format.Parse]); so does a secret scanner that finds candidates by
// [Format.Pattern]. It is no secret, and proves nothing: anybody can make a
// string that parses.
//
// # Why a fast hash
//
// Only the SHA-256 of the whole key is stored, and a key is looked up by it.
// For passwords that would be wrong: people choose them from a few billions, so
// each guess must be made slow, by a salt and by argon2id or its like. A random
// key of 166 bits cannot be guessed however fast the hash is: at 10^18 guesses
// a second, one key takes 10^24 years. A slow hash would buy nothing and
// cost every request tens of milliseconds, which is a way to bring a server
// down; a salt would make a lookup impossible, and protects only what two could
// have chosen alike. Do not use [Key.Hash] for anything that a person chose.
//
// Looking up by the hash also leaks nothing: what the time of an index's search
// tells is about a hash that the caller cannot steer. The record that comes
// back is compared once more in constant time, for stores that match loosely.
//
// There is no pepper. It would not hide the keys any better; it would only keep
// who can write into the store from adding a key of his own. A [Store] that
// wants that keeps an HMAC of the hash instead of the hash.
//
// # What it does not do
//
// It limits no rates, and does not decide whether a key may be issued: a server
// checks first that the caller may have the scopes it asks for, and takes the
// owner from who has signed in, not from the request. Scopes are compared as
// they are, without wildcards.
//
// The package is v0: names may still change between minor versions.
package apikey
