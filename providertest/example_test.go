package providertest_test

import (
	"context"
	"fmt"
	"log"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/sso-exec/sso-exec/providertest"
)

// A refresh token is used twice, and the session ends.
func Example() {
	p, err := providertest.Start(providertest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	// The client under test.
	ctx := oidc.ClientContext(context.Background(), p.Client())
	provider, err := oidc.NewProvider(ctx, p.Issuer())
	if err != nil {
		log.Fatal(err)
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams
	client := oauth2.Config{ClientID: "cli", Endpoint: endpoint, Scopes: []string{"openid", "offline_access"}}
	device, err := client.DeviceAuth(ctx)
	if err != nil {
		log.Fatal(err)
	}

	// The person, and a network that fails once.
	p.ApproveDevice(device.UserCode)
	p.Fault(providertest.RefreshToken, providertest.Fault{AfterProcessing: true, Drop: true, Times: 1})

	poll := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {"cli"},
		"device_code": {device.DeviceCode}}
	if _, err := p.Client().PostForm(endpoint.TokenURL, poll); err != nil {
		log.Fatal(err)
	}
	stored := &oauth2.Token{RefreshToken: p.RefreshTokens()[0]}
	for range 2 {
		_, err := client.TokenSource(ctx, stored).Token()
		fmt.Println(err != nil, p.Reuses(), p.ActiveFamilies())
	}
	fmt.Println(p.Requests().RefreshToken)
	// Output:
	// true 0 1
	// true 1 0
	// 2
}
