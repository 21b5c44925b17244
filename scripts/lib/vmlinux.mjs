/**
 * Names that our BPF sources define: tags of structs, unions and enums, and enumerators.
 * @param {readonly string[]} sources texts of C files
 * @returns {{ tags: string[], enumerators: string[] }} sorted, each once
 */
export const definedNames = (sources) => {
  /** @type {Set<string>} */
  const tags = new Set();
  /** @type {Set<string>} */
  const enumerators = new Set();
  for (const source of sources) {
    const text = source.replace(/\/\*[^]*?\*\//g, '').replace(/\/\/.*$/gm, '');
    for (const [, tag] of text.matchAll(/\b(?:struct|union|enum)\s+(\w+)\s*\{/g)) tags.add(/** @type {string} */ (tag));
    for (const [, body] of text.matchAll(/\benum(?:\s+\w+)?\s*\{([^}]*)\}/g)) {
      for (const [, name] of /** @type {string} */ (body).matchAll(/(?:^|,)\s*(\w+)/g)) enumerators.add(/** @type {string} */ (name));
    }
  }
  return { tags: [...tags].sort(), enumerators: [...enumerators].sort() };
};

/**
 * vmlinux.h with the kernel's own types out of the way of ours: which names a kernel uses depends on its configuration (AppArmor has an
 * `enum path_flags`), so any of ours may clash somewhere. libbpf ignores what follows `___` in a type's name.
 * @param {string} vmlinux
 * @param {{ tags: readonly string[], enumerators: readonly string[] }} ours
 */
export const withoutClashes = (vmlinux, { tags, enumerators }) => {
  const ourTags = new Set(tags);
  const ourEnumerators = new Set(enumerators);
  return vmlinux
    .replace(/\b(struct|union|enum) (\w+)/g, (all, keyword, name) => (ourTags.has(name) ? `${keyword} ${name}___kernel` : all))
    .replace(/^(\t+)(\w+)( = -?\w+)?(,?)$/gm, (all, tabs, name, value = '', comma) =>
      ourEnumerators.has(name) ? `${tabs}${name}___kernel${value}${comma}` : all,
    );
};
