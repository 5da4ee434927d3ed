package apikey

import (
	"context"
	"time"
)

// Store keeps records, in a database for instance. Its methods are called by
// many goroutines and servers at once; each is one atomic step that has either
// happened for all of them or not at all. Once one has returned, the methods
// that are called afterwards, on whatever server, see what it did: a cache or a
// replica that lags behind would go on accepting revoked keys.
//
// Records are returned as they were added, times exact to a microsecond, and
// share nothing with what is kept: a caller may change their Scopes.
// Errors that are none of those named here are passed on, wrapped: keep
// secrets out of them.
//
// The package storetest checks all of this, as far as one process can.
type Store interface {
	// Add adds a record. [ErrExists] if its ID or its Hash is there already.
	Add(ctx context.Context, r Record) error

	// ByHash returns the record with exactly this hash, or [ErrNotFound].
	// Revoked and expired ones are returned like others.
	ByHash(ctx context.Context, h Hash) (Record, error)

	// ByID returns the record with this ID, or [ErrNotFound].
	ByID(ctx context.Context, id string) (Record, error)

	// List returns all records of an owner, the oldest first.
	List(ctx context.Context, owner string) ([]Record, error)

	// Revoke sets RevokedAt where it is zero. A key that is revoked already stays
	// as it is, and that is no error. [ErrNotFound] if there is no such ID.
	//
	//	UPDATE keys SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1
	Revoke(ctx context.Context, id string, at time.Time) error

	// Replace adds next, and lets the key with this ID end: it sets ReplacedBy to
	// next's ID, and ExpiresAt to end where it is zero or later. It does both or
	// nothing. [ErrNotFound] if there is no such ID, [ErrRevoked] if that key is
	// revoked, [ErrReplaced] if it has a ReplacedBy, [ErrExists] as for Add.
	//
	//	BEGIN; -- PostgreSQL, whose LEAST passes over NULL
	//	UPDATE keys SET replaced_by = $2, expires_at = LEAST(expires_at, $3)
	//	 WHERE id = $1 AND replaced_by IS NULL AND revoked_at IS NULL; -- one row, else ROLLBACK
	//	INSERT INTO keys …;
	//	COMMIT
	Replace(ctx context.Context, id string, end time.Time, next Record) error

	// Touch sets LastUsedAt to a later time than it has. It is called for a key
	// about once a minute, but by all servers that were asked in that moment; an
	// unknown ID is no error.
	Touch(ctx context.Context, id string, at time.Time) error
}
