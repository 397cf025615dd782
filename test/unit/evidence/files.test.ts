import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { codeOf, localFiles } from '../../../src/evidence/files.ts';
import { TemporaryRoot } from './on-disk.ts';

const root = new TemporaryRoot();
const content = Buffer.from('content');

async function codeFrom(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => 'nothing',
    (error: unknown) => codeOf(error),
  );
}

describe('the file system of the machine', () => {
  it('tells what lies at a path without following links', async () => {
    await mkdir(root.at('directory'));
    await writeFile(root.at('file'), '');
    await symlink(root.at('directory'), root.at('link'));
    await symlink(root.at('nowhere'), root.at('dangling'));
    const kinds = ['directory', 'file', 'link', 'dangling', 'nothing'].map((name) =>
      localFiles.kindOf(root.at(name)),
    );
    expect(await Promise.all(kinds)).toEqual(['directory', 'file', 'other', 'other', undefined]);
    expect(await codeFrom(localFiles.kindOf(root.at('file', 'below')))).toBe('ENOTDIR');
  });

  it('makes files and directories for its own user only', async () => {
    await localFiles.makeDirectory(root.at('directory'));
    await localFiles.create(root.at('directory', 'file'), content);
    expect((await stat(root.at('directory'))).mode & 0o777).toBe(0o700);
    expect((await stat(root.at('directory', 'file'))).mode & 0o777).toBe(0o600);
  });

  it('never makes anything where something is', async () => {
    await writeFile(root.at('file'), 'old');
    await symlink(root.at('target'), root.at('link'));
    for (const name of ['file', 'link']) {
      expect(await codeFrom(localFiles.create(root.at(name), content))).toBe('EEXIST');
      expect(await codeFrom(localFiles.makeDirectory(root.at(name)))).toBe('EEXIST');
    }
    expect(await readFile(root.at('file'), 'utf8')).toBe('old');
    expect(await readdir(root.path)).toEqual(['file', 'link']);
  });

  it('makes no parents: a path that we did not make is not ours', async () => {
    expect(await codeFrom(localFiles.makeDirectory(root.at('a', 'b')))).toBe('ENOENT');
    expect(await codeFrom(localFiles.create(root.at('a', 'b'), content))).toBe('ENOENT');
  });

  it('reads regular files within the limit only', async () => {
    await writeFile(root.at('file'), content);
    await symlink(root.at('file'), root.at('link'));
    expect(Buffer.from(await localFiles.read(root.at('file'), content.length))).toEqual(content);
    await expect(localFiles.read(root.at('file'), content.length - 1)).rejects.toThrow(
      'has more than 6 bytes',
    );
    await expect(localFiles.read(root.path, 100)).rejects.toThrow('is not a regular file');
    expect(await codeFrom(localFiles.read(root.at('link'), 100))).toBe('ELOOP');
  });

  it('removes links and what lies below directories, and nothing that links point to', async () => {
    await mkdir(root.at('precious'));
    await writeFile(root.at('precious', 'file'), '');
    await mkdir(root.at('directory', 'deeper'), { recursive: true });
    await symlink(root.at('precious'), root.at('directory', 'deeper', 'link'));
    await symlink(root.at('precious'), root.at('link'));
    for (const name of ['directory', 'link', 'nothing']) await localFiles.remove(root.at(name));
    expect(await readdir(root.path)).toEqual(['precious']);
    expect(await readdir(root.at('precious'))).toEqual(['file']);
  });

  it('brings directories to the disk, and refuses what is none', async () => {
    await writeFile(root.at('file'), '');
    await symlink(root.path, root.at('link'));
    await localFiles.syncDirectory(root.path);
    for (const name of ['file', 'link'])
      expect(await codeFrom(localFiles.syncDirectory(root.at(name)))).toBe('ENOTDIR');
  });

  it('does not replace a finished directory by a rename', async () => {
    for (const name of ['from', 'to']) {
      await mkdir(root.at(name));
      await writeFile(root.at(name, name), '');
    }
    expect(await codeFrom(localFiles.rename(root.at('from'), root.at('to')))).toMatch(/^(ENOTEMPTY|EEXIST)$/);
    expect(await readdir(root.at('to'))).toEqual(['to']);
  });
});
