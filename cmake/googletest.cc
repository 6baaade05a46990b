// Nothing: the target of this file only has GoogleTest's headers compiled
// (pema_precompile_googletest).
