package invariants

import "strings"

// checkSecrets: V10.
func (c *checker) checkSecrets() {
	for where, text := range c.Texts {
		c.searchSecret(where, text)
	}
	for _, l := range c.lives {
		for i := range l.Versions {
			for _, t := range newTexts(l.before(i), l.Versions[i].DatasetSync) {
				c.searchSecret(l.name()+", "+t.name, t.text)
			}
		}
	}
}

func (c *checker) searchSecret(where, text string) {
	for _, canary := range c.Canaries {
		if strings.Contains(text, canary) {
			c.fail("V10", where, "the secret %s… is in it", canary[:min(len(canary), 4)])
		}
	}
}
