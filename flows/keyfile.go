package flows

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeyFile = 64 << 10
	minRSA     = 2048
	maxRSA     = 8192
	maxKeyDER  = 10 << 10 // twice that of the largest; checking an RSA key can take minutes where its size has no bound
)

// ParseKey reads a client's private key: PEM (PKCS #8, PKCS #1, SEC 1; what
// else stands there, such as certificates, is passed over), a JWK, or a JWK Set
// (RFC 7517). It takes RSA from 2048 bits, EC on P-256, P-384 and P-521, and
// Ed25519. Its errors say what the input is instead, and what to do; nothing of
// the key is in them.
func ParseKey(b []byte, o KeyOptions) (*Key, error) {
	if a := o.Audience; a != "" && a != AudienceIssuer && a != AudienceTokenEndpoint {
		if u, err := url.Parse(a); err != nil || u.Scheme == "" || Clean(a, len(a)) != a {
			return nil, fmt.Errorf("the assertion's audience must be %s, %s or a URI, not %q", AudienceIssuer,
				AudienceTokenEndpoint, Clean(a, 100))
		}
	}
	b = bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	var k *Key
	var err error
	switch {
	case len(b) == 0:
		return nil, errors.New("the key is empty")
	case len(b) > maxKeyFile:
		return nil, fmt.Errorf("the key is larger than %d bytes", maxKeyFile)
	case b[0] == '{':
		k, err = parseJWK(b, o.ID)
	case bytes.Contains(b, []byte("-----BEGIN")):
		k, err = parsePEM(b)
	case b[0] == 0x30: // an ASN.1 sequence
		err = errors.New("the key is in DER form; PEM is needed: openssl pkey -inform DER -in FILE (of a PKCS #12 file: " +
			"openssl pkcs12 -nocerts -noenc -in FILE)")
	default:
		err = errors.New("the key is neither PEM nor a JWK; make one with: openssl genpkey -algorithm EC -pkeyopt " +
			"ec_paramgen_curve:P-256 -out FILE")
	}
	if err != nil {
		return nil, err
	}
	if err := k.check(); err != nil {
		return nil, err
	}
	if o.ID != "" {
		k.id = o.ID
	}
	k.audience = o.Audience
	if len(o.Certificates) > 0 {
		chain, err := k.chain(o.Certificates)
		if err != nil {
			return nil, err
		}
		digest := sha256.Sum256(chain[0].Raw)
		k.thumbprint = base64.RawURLEncoding.EncodeToString(digest[:])
	}
	return k, nil
}

// check makes a signature and verifies it: the halves of a key in a JWK need
// not belong together, and a key of another kind can make none.
func (k *Key) check() error {
	public := k.private.Public()
	own := algorithms(public)
	switch {
	case own == nil:
		return fmt.Errorf("%s cannot be used; RSA from %d bits, EC on P-256, P-384 or P-521, or Ed25519 can", keyName(public),
			minRSA)
	case k.alg != "" && !slices.Contains(own, k.alg):
		return fmt.Errorf("%s cannot sign with the algorithm that its JWK names, %q", k, Clean(string(k.alg), 40))
	}
	if public, ok := public.(*rsa.PublicKey); ok {
		if bits := public.N.BitLen(); bits < minRSA || bits > maxRSA {
			return fmt.Errorf("the RSA key has %d bits; it must have %d to %d: openssl genpkey -algorithm RSA -pkeyopt "+
				"rsa_keygen_bits:3072 -out FILE", bits, minRSA, maxRSA)
		}
	}
	jwt, err := k.sign(own[0], []byte("test"))
	if err == nil {
		var jws *jose.JSONWebSignature
		if jws, err = jose.ParseSignedCompact(jwt, own); err == nil {
			_, err = jws.Verify(public)
		}
	}
	if err != nil {
		return errors.New("the key is damaged: its private and its public half do not belong together")
	}
	return nil
}

// parsePEM reads the one private key among the blocks.
func parsePEM(b []byte) (*Key, error) {
	var k *Key
	var passed []string
	for rest := b; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		var private any
		var err error
		switch {
		case len(block.Bytes) > maxKeyDER && strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil, fmt.Errorf("the %s in the PEM is larger than %d bytes; RSA keys must have %d to %d bits",
				Clean(block.Type, 60), maxKeyDER, minRSA, maxRSA)
		case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return nil, errors.New("the key is encrypted with a passphrase; a command can print it without: openssl pkey -in " +
				"FILE -passin file:PASSPHRASE-FILE")
		case block.Type == "OPENSSH PRIVATE KEY":
			return nil, errors.New("the key is in OpenSSH's own form; change a copy of it: ssh-keygen -p -m PKCS8 -f COPY")
		case block.Type == "PRIVATE KEY":
			private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case block.Type == "RSA PRIVATE KEY":
			private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case block.Type == "EC PRIVATE KEY":
			private, err = x509.ParseECPrivateKey(block.Bytes)
		default:
			passed = append(passed, block.Type)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the %s in the PEM cannot be read: %s", block.Type, Clean(err.Error(), 200))
		}
		if k != nil {
			return nil, errors.New("there is more than one private key in the PEM")
		}
		if _, ok := private.(*ecdh.PrivateKey); ok {
			return nil, errors.New("the key is for key agreement (X25519) and cannot sign")
		}
		signer, ok := private.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("a private key of type %T cannot sign", private)
		}
		k = &Key{private: signer}
	}
	switch {
	case k != nil:
		return k, nil
	case slices.Contains(passed, "PUBLIC KEY") || slices.Contains(passed, "RSA PUBLIC KEY"):
		return nil, errors.New("it is a public key, which the provider gets; the private key is needed here")
	case slices.Contains(passed, "CERTIFICATE"):
		return nil, errors.New("it is a certificate; the private key that belongs to it is needed here")
	case slices.Contains(passed, "CERTIFICATE REQUEST") || slices.Contains(passed, "NEW CERTIFICATE REQUEST"):
		return nil, errors.New("it is a certificate request; the private key that belongs to it is needed here")
	case len(passed) > 0:
		return nil, fmt.Errorf("the PEM has no private key, only %q", Clean(strings.Join(passed, ", "), 100))
	}
	return nil, errors.New("the PEM is damaged: it begins, and no block of it can be read")
}

// jwkFace is what tells keys of a set apart.
type jwkFace struct {
	ID   string          `json:"kid"`
	Type string          `json:"kty"`
	Use  string          `json:"use"`
	D    json.RawMessage `json:"d"`
	K    json.RawMessage `json:"k"`
}

// parseJWK reads a JWK, or the private key of a JWK Set that id names, or the
// only one there (RFC 7517 §4, §5).
func parseJWK(b []byte, id string) (*Key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if !json.Valid(b) {
		return nil, errors.New("the key begins like a JWK and is not JSON")
	}
	if json.Unmarshal(b, &set) != nil {
		return nil, errors.New("the keys of the JWK Set are not a list")
	}
	if set.Keys == nil {
		set.Keys = []json.RawMessage{b}
	}
	var private []json.RawMessage
	var ids []string
	for _, raw := range set.Keys {
		var face jwkFace
		if json.Unmarshal(raw, &face) != nil {
			continue
		}
		switch {
		case face.Type == "oct" || face.K != nil:
			if len(set.Keys) == 1 {
				return nil, errors.New("the JWK is a symmetric key; private_key_jwt needs a key pair")
			}
		case face.D != nil && face.Use != "enc":
			if face.ID == id && id != "" {
				return readJWK(raw)
			}
			private, ids = append(private, raw), append(ids, Clean(face.ID, 60))
		case face.D != nil && len(set.Keys) == 1:
			return nil, errors.New("the JWK is for encryption (use: enc); one that signs is needed")
		}
	}
	switch len(private) {
	case 0:
		return nil, errors.New("the JWK holds no private key that signs (it has no member d); the provider gets the " +
			"public key, the private one is needed here")
	case 1:
		return readJWK(private[0])
	}
	return nil, fmt.Errorf("the JWK Set has %d private keys; say which by its key ID: %s", len(private),
		Clean(strings.Join(ids, ", "), 200))
}

func readJWK(raw json.RawMessage) (*Key, error) {
	var key jose.JSONWebKey
	if err := json.Unmarshal(raw, &key); err != nil {
		return nil, fmt.Errorf("the JWK cannot be read: %s",
			Clean(strings.ReplaceAll(err.Error(), "go-jose/go-jose: ", ""), 200))
	}
	signer, ok := key.Key.(crypto.Signer)
	if !ok {
		return nil, errors.New("the JWK holds no private key that signs")
	}
	return &Key{private: signer, id: key.KeyID, alg: jose.SignatureAlgorithm(key.Algorithm)}, nil
}

// parseCertificates reads at least one certificate; keys next to it are passed
// over.
func parseCertificates(b []byte) ([]*x509.Certificate, error) {
	if len(b) > maxResponse {
		return nil, fmt.Errorf("the certificates are larger than %d bytes", maxResponse)
	}
	var chain []*x509.Certificate
	for rest := b; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d in the PEM cannot be read: %s", len(chain)+1, Clean(err.Error(), 200))
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, errors.New("it has no certificate in PEM form; of DER: openssl x509 -inform DER -in FILE")
	}
	return chain, nil
}
