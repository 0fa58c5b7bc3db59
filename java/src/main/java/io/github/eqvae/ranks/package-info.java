/** Several processes that do the work of one: who they are, and how they exchange numbers. */
package io.github.eqvae.ranks;
