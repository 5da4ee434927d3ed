package dex

import (
	"context"
	"log/slog"
	"sync"

	"github.com/dexidp/dex/storage"
	"github.com/dexidp/dex/storage/memory"
)

func newMemory(log *slog.Logger) storage.Storage {
	return &unlockedRefresh{Storage: memory.New(log)}
}

// unlockedRefresh calls the updater of a refresh token outside the memory
// storage's lock.
//
// While it rotates, Dex (as of August 2026, server/grants/refresh.go) reads the
// offline session from inside that updater. Its memory storage has one mutex
// for everything and holds it while the updater runs, so the first refresh
// would hang for ever, and every request after it. Other storages of Dex don't
// have the fault. A mutex of our own keeps two rotations apart, which is what
// the storage's lock was for.
type unlockedRefresh struct {
	storage.Storage
	mu sync.Mutex
}

func (u *unlockedRefresh) UpdateRefreshToken(ctx context.Context, id string,
	update func(storage.RefreshToken) (storage.RefreshToken, error)) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	old, err := u.GetRefresh(ctx, id)
	if err != nil {
		return err
	}
	updated, err := update(old)
	if err != nil {
		return err
	}
	return u.Storage.UpdateRefreshToken(ctx, id, func(storage.RefreshToken) (storage.RefreshToken, error) {
		return updated, nil
	})
}
