package modelarts

import (
	"errors"
	"net/http"
	"time"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/request"
)

const (
	headerAuthorization = "Authorization"
	headerDate          = "X-Sdk-Date"
	headerProjectID     = "X-Project-Id"
	headerSecurityToken = "X-Security-Token"
	headerToken         = "X-Auth-Token" //nolint:gosec // the name of a header, no credential

	dateFormat = "20060102T150405Z"
)

var errNotSigned = errors.New("the request cannot be signed")

// authorize adds to a request without a body what the gateway knows it by: a
// signature for the time at, or the token.
//
// The algorithm is the vendor's to keep, so the signature is made by its SDK. This
// is the only file that imports the SDK, and the signer is all that is used of it:
// it has no contexts, follows no proxies and hides answers. Its signer signs every
// header it is shown, and takes over an X-Sdk-Date that it can read (of
// v0.1.207: it silently takes the machine's clock for any other).
func authorize(req *http.Request, cr Credentials, at time.Time) error {
	if err := cr.check(); err != nil {
		return err
	}
	if !cr.signs() {
		req.Header.Set(headerToken, cr.Token)
		return nil
	}
	if cr.SecurityToken != "" {
		req.Header.Set(headerSecurityToken, cr.SecurityToken)
	}
	req.Header.Set(headerDate, at.UTC().Format(dateFormat))

	b := request.NewHttpRequestBuilder().
		WithMethod(req.Method).
		WithEndpoint(req.URL.Scheme+"://"+req.URL.Host).
		WithPath(req.URL.Path).
		AddHeaderParam("Host", req.URL.Host)
	for _, name := range []string{headerProjectID, headerDate, headerSecurityToken} {
		if value := req.Header.Get(name); value != "" {
			b.AddHeaderParam(name, value)
		}
	}
	signed, err := signer.Sign(b.Build(), cr.AccessKey, cr.SecretKey)
	if err != nil || signed[headerDate] != req.Header.Get(headerDate) {
		return errNotSigned
	}
	req.Header.Set(headerAuthorization, signed[headerAuthorization])
	return nil
}
