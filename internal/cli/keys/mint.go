package keys

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/workos"
)

// Keys that WorkOS makes: what is done so that at every moment a key is stored
// that works, and in the end none is left that nobody has.

// mint has WorkOS make the key that a record describes, and stores it in the
// place of what was there. The name that it is asked for is noted with that
// first: by it the key is found if this process ends before it has stored it.
// The caller holds the lock. An interrupt does not cut it off, since the value is
// told this once; the HTTP time-out does.
func (a *apiKeys) mint(ctx context.Context, client workos.Client, was, k *cache.APIKey) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx = context.WithoutCancel(ctx)
	fresh := !was.HasKey()
	pending := *was
	pending.Key = credential.Secret{} // it stays where it is
	pending.Pending = k.Name + " " + strings.ToLower(rand.Text()[:8])
	if err := a.save(ctx, &pending); err != nil {
		return err
	}
	made, err := client.CreateAPIKey(ctx,
		workos.NewAPIKey{Organization: k.Organization, User: k.User, Name: pending.Pending, Permissions: k.Permissions,
			ExpiresAt: k.ExpiresAt})
	switch {
	case fault.Holds[*flows.UnavailableError](err): // what is noted as pending stays: there may be a key
		return err
	case err != nil && fresh:
		return errors.Join(err, a.store.RemoveAPIKey(k.Name))
	case err != nil:
		pending.Pending = ""
		return errors.Join(err, a.save(ctx, &pending))
	}
	if err := apikeys.CheckKeyText(made.Value.Reveal()); err != nil {
		err = &flows.UnavailableError{Doing: "create the API key", Err: errors.New("WorkOS returned a key that is not valid"),
			Garbled: true}
		return errors.Join(err, client.DeleteAPIKey(ctx, made.ID))
	}
	if !fresh {
		k.Previous = &cache.PreviousKey{KeyID: was.KeyID, Masked: apikeys.MaskOf(was), ExpiresAt: was.ExpiresAt,
			ReplacedAt: time.Now().UTC()}
	}
	k.Key, k.KeyID, k.Pending = made.Value, made.ID, ""
	if !made.ExpiresAt.IsZero() {
		k.ExpiresAt = made.ExpiresAt
	}
	if err = a.store.FitsKeyring(k.Key); err == nil {
		err = a.save(ctx, k)
	}
	if err == nil {
		return nil
	}
	if now, rerr := a.store.APIKeyWithKey(ctx, k.Name); rerr == nil && now.Key.Equal(made.Value) {
		// Written, but perhaps not for good: a power cut could bring the old key back.
		// So that one is not ended yet.
		return fault.Say(err, fmt.Sprintf("the new key is stored, but may not outlive a power cut: %v", err),
			"when that place is fixed, run: "+a.o.Ours("apikey", "rotate", k.Name))
	}
	// Nobody has its value any more.
	if derr := client.DeleteAPIKey(ctx, made.ID); derr != nil {
		talk.Warn(fmt.Errorf("the new key (%s) could neither be stored nor deleted at WorkOS: %w", made.ID, derr))
	}
	return err
}

// sweep deletes the key that a run which was cut off may have had made.
func (a *apiKeys) sweep(ctx context.Context, client workos.Client, k *cache.APIKey) error {
	if k.Pending == "" {
		return nil
	}
	all, err := client.ListAPIKeys(ctx, k.Organization, k.User)
	if err != nil {
		return err
	}
	for _, key := range all {
		if key.Name != k.Pending || key.ID == k.KeyID {
			continue
		}
		if err := client.DeleteAPIKey(ctx, key.ID); err != nil && !workos.Gone(err) {
			return err
		}
	}
	k.Pending = ""
	return nil
}

// rotateAtWorkOS replaces a key of WorkOS's. The old key works until the new one
// is stored; a run that is cut off is finished by the next.
func (a *apiKeys) rotateAtWorkOS(ctx context.Context, before *cache.APIKey, r *rotation) error {
	if r.helper != "" || r.unchecked {
		return fault.Usagef("API key %s: WorkOS makes the successor; --from-command and --unchecked are for keys that it "+
			"did not make", before.Name)
	}
	var text string
	err := a.locked(ctx, before.Name, func() error {
		k, err := acquire.FindKey(ctx, a.o, a.store, before.Name)
		if err != nil {
			return err
		}
		if k.KeyID != before.KeyID {
			text = fmt.Sprintf("API key %s was rotated by another sso-exec just now: %s\n", k.Name, apikeys.MaskOf(k))
			return nil
		}
		client, err := a.workos(ctx, k)
		if err != nil {
			return err
		}
		if k.Previous != nil {
			text = fmt.Sprintf("Finished the rotation of API key %s: %s\n", k.Name, apikeys.MaskOf(k))
		} else {
			if err := a.succeed(ctx, client, k, r); err != nil {
				return err
			}
			text = fmt.Sprintf("Rotated API key %s: %s (%s)\n", k.Name, apikeys.MaskOf(k), k.KeyID)
		}
		old := k.Previous.Masked
		until, err := a.retire(context.WithoutCancel(ctx), client, k, r.grace)
		if err != nil {
			return fault.Say(err, fmt.Sprintf("the new key is stored, but the old one (%s) may still work: %v", old, err),
				"to end it, run the command again: "+a.o.Ours("apikey", "rotate", k.Name))
		}
		text += "  the old one (" + old + ") " + until + "\n"
		if end := k.EndsAt(); !end.IsZero() {
			text += "  the new one ends " + endText(end, time.Now()) + "\n"
		}
		return nil
	})
	if err != nil {
		return err
	}
	return talk.Print(text)
}

// succeed has the successor of a key made, by what WorkOS says of the old one
// now, or where that has ended by what is noted of it.
func (a *apiKeys) succeed(ctx context.Context, client workos.Client, k *cache.APIKey, r *rotation) error {
	if err := a.sweep(ctx, client, k); err != nil {
		return err
	}
	is, err := client.ValidateAPIKey(ctx, k.Key)
	if err != nil {
		return err
	}
	if is != nil {
		k.KeyID, k.Permissions, k.ExpiresAt = is.ID, is.Permissions, is.ExpiresAt
		if !is.CreatedAt.IsZero() {
			k.CreatedAt = is.CreatedAt
		}
	}
	was := *k
	if err := r.apply(k, true, time.Now()); err != nil {
		return err
	}
	return a.mint(ctx, client, &was, k)
}

// retire ends the key before this one, and notes that. until says when it ends.
func (a *apiKeys) retire(ctx context.Context, client workos.Client, k *cache.APIKey,
	grace time.Duration) (until string, err error) {
	p, end := k.Previous, time.Now().Add(grace)
	switch {
	case grace <= 0:
		err, until = client.DeleteAPIKey(ctx, p.KeyID), "is deleted at WorkOS"
	case !p.ExpiresAt.IsZero() && p.ExpiresAt.Before(end): // to expire it would put its end off
		until = "ends before that by itself"
	default:
		err, until = client.ExpireAPIKey(ctx, p.KeyID, end), "works for another "+apikeys.Span(grace)
	}
	if workos.Gone(err) {
		err, until = nil, "was gone at WorkOS"
	}
	if err != nil {
		return "", err
	}
	k.Previous = nil
	noted := *k
	noted.Key = credential.Secret{} // it stays where it is
	return until, a.save(ctx, &noted)
}
