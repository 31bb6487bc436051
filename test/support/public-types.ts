import ts from 'typescript';

/**
 * What the public names of a library say in names that are not public, as `Class.member: Name`, each once.
 *
 * A user who emits declarations cannot write down a type that has no public name.
 *
 * @param barrel path of the file that exports the public names
 */
export function hiddenNames(barrel: string, options: ts.CompilerOptions): readonly string[] {
  const program = ts.createProgram([barrel], { ...options, noEmit: true });
  return [...new PublicNames(program.getTypeChecker(), program.getSourceFile(barrel)!).hidden()].toSorted();
}

class PublicNames {
  private readonly published: ReadonlySet<ts.Symbol>;
  private readonly folder: string;
  private readonly found = new Set<string>();

  constructor(
    private readonly checker: ts.TypeChecker,
    barrel: ts.SourceFile,
  ) {
    const names = checker.getExportsOfModule(checker.getSymbolAtLocation(barrel)!);
    this.published = new Set(names.map((symbol) => this.resolved(symbol)));
    this.folder = barrel.fileName.slice(0, barrel.fileName.lastIndexOf('/') + 1);
  }

  hidden(): ReadonlySet<string> {
    for (const symbol of this.published) {
      for (const declaration of symbol.declarations ?? []) this.lookAt(declaration, symbol.name);
    }
    return this.found;
  }

  private lookAt(declaration: ts.Declaration, name: string): void {
    if (!this.isOurs(declaration)) return;
    if (ts.isClassDeclaration(declaration)) this.lookAtClass(declaration, name);
    else if (ts.isFunctionDeclaration(declaration)) this.lookAtMember(declaration, name);
    else if (ts.isVariableDeclaration(declaration)) this.lookAtType(declaration, name);
    else this.lookAtText(declaration, name);
  }

  private lookAtClass({ heritageClauses, members }: ts.ClassDeclaration, name: string): void {
    for (const clause of heritageClauses ?? []) this.lookAtText(clause, name);
    for (const member of members) {
      if (!isHidden(member)) this.lookAtMember(member, `${name}.${member.name?.getText() ?? 'constructor'}`);
    }
  }

  private lookAtMember(member: ts.Declaration, where: string): void {
    if (!ts.isFunctionLike(member)) return this.lookAtType(member, where);
    // What stands behind overloads is not seen from outside.
    const isBehindOverloads = ts.isConstructorDeclaration(member) && hasOverloads(member);
    if (isBehindOverloads) return;
    for (const parameter of member.parameters) this.lookAtText(parameter, where);
    const signature = this.checker.getSignatureFromDeclaration(member);
    if (signature && !ts.isConstructorDeclaration(member))
      this.lookInto(signature.getReturnType(), member, where);
  }

  private lookAtType(node: ts.Declaration, where: string): void {
    this.lookInto(this.checker.getTypeAtLocation(node), node, where);
  }

  /** A type as the compiler would write it into a declaration. */
  private lookInto(type: ts.Type, node: ts.Node, where: string): void {
    const written = this.checker.typeToTypeNode(type, node, ts.NodeBuilderFlags.NoTruncation);
    const look = (part: ts.Node): void => {
      const { symbol } = part as { symbol?: ts.Symbol };
      if (ts.isIdentifier(part) && symbol) this.lookAtSymbol(symbol, where);
      ts.forEachChild(part, look);
    };
    if (written) look(written);
  }

  /** Names as they stand in the source. */
  private lookAtText(node: ts.Node, where: string): void {
    const name = ts.isTypeReferenceNode(node)
      ? node.typeName
      : ts.isExpressionWithTypeArguments(node)
        ? node.expression
        : undefined;
    const symbol = name && this.checker.getSymbolAtLocation(name);
    if (symbol) this.lookAtSymbol(symbol, where);
    ts.forEachChild(node, (child) => this.lookAtText(child, where));
  }

  private lookAtSymbol(symbol: ts.Symbol, where: string): void {
    const target = this.resolved(symbol);
    const isType = (target.flags & ts.SymbolFlags.Type) !== 0;
    const isParameter = (target.flags & ts.SymbolFlags.TypeParameter) !== 0;
    const isOurs = target.declarations?.every((declaration) => this.isOurs(declaration));
    if (isType && !isParameter && isOurs && !this.published.has(target)) {
      this.found.add(`${where}: ${target.name}`);
    }
  }

  private isOurs(declaration: ts.Declaration): boolean {
    return declaration.getSourceFile().fileName.startsWith(this.folder);
  }

  private resolved(symbol: ts.Symbol): ts.Symbol {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    return isAlias ? this.checker.getAliasedSymbol(symbol) : symbol;
  }
}

function hasOverloads({ body, parent }: ts.ConstructorDeclaration): boolean {
  return body !== undefined && parent.members.filter(ts.isConstructorDeclaration).length > 1;
}

/** Private, or left out of the declarations by `stripInternal`. */
function isHidden(member: ts.ClassElement): boolean {
  const isInternal = ts.getJSDocTags(member).some(({ tagName }) => tagName.text === 'internal');
  return isInternal || (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) !== 0;
}
