// A part of the frame whose code comes after the page: nothing stands in its place until it is there.

import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import { t } from '../i18n/index';
import { toast } from '../ui/toast';

interface Props<P> {
  load: () => Promise<ComponentType<P>>;
  props?: P;
  /** With it the failure is said: somebody waits for the part. */
  onFailed?: () => void;
}

export function Late<P extends object>({ load, props = {} as P, onFailed }: Props<P>) {
  const [Found, found] = useState<ComponentType<P> | null>(null);
  useEffect(() => {
    load().then(
      (part) => found(() => part),
      () => {
        if (!onFailed) return;
        toast('crit', t.peek().pageFailed);
        onFailed();
      },
    );
  }, []);
  return Found && <Found {...props} />;
}
