package cache

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"fmt"
)

// newSealKey returns a key for [seal], as it rests in the keyring.
func newSealKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	return base64.StdEncoding.EncodeToString(key)
}

// seal encrypts a token with AES-256-GCM under a random nonce, which stands in
// front. The session's key is authenticated with it, so that one session's
// sealed token is not taken for another's.
func seal(key, skey, token string) ([]byte, error) {
	aead, err := sealer(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, []byte(token), []byte(skey)), nil
}

// unseal undoes seal. What cannot be opened is as good as absent: the key is
// another one by now.
func unseal(key, skey string, sealed []byte) (string, error) {
	aead, err := sealer(key)
	if err != nil {
		return "", err
	}
	token, err := aead.Open(nil, nil, sealed, []byte(skey))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoEntry, err)
	}
	return string(token), nil
}

func sealer(key string) (cipher.AEAD, error) {
	b, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(b) != 32 {
		return nil, fmt.Errorf("%w: the keyring's entry is not a key", ErrNoEntry)
	}
	block, err := aes.NewCipher(b)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
